github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0
