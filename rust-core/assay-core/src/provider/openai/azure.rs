//! OpenAI's formats on Azure: other paths, other ways to give the key.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};

use crate::error::Result;
use crate::options::Options;
use crate::provider::classify::Failure;
use crate::provider::format::{Format, Frame, Parsed, StreamParser, invalid};
use crate::provider::model::Model;

/// A format of OpenAI as Azure serves it:
/// `{endpoint}/openai/deployments/{deployment}/chat/completions?api-version=...`, or
/// `{endpoint}/openai/v1/chat/completions` where no dated `apiVersion` is set.
pub(in crate::provider) struct AzureOpenAi<F> {
    format: F,
    path: &'static str,
    deployment: String,
    is_bearer: bool,
}

impl<F: Format> AzureOpenAi<F> {
    /// `format` at `path`. Errors: [`ErrorKind::InvalidModel`](crate::ErrorKind::InvalidModel).
    pub(in crate::provider) fn new(model: &Model, format: F, path: &'static str) -> Result<Self> {
        let is_bearer = match model.own("auth") {
            None | Some("api-key") => false,
            Some("bearer") => true,
            Some(_) => return Err(invalid(model, "setting 'auth' must be api-key or bearer")),
        };
        let deployment = model.own("deployment").unwrap_or(&model.model).to_string();
        if deployment.contains(['/', '?', '#', '%']) {
            return Err(invalid(model, "the deployment's name must not hold '/', '?', '#' or '%'; set 'deployment'"));
        }
        if model.endpoint.contains("/openai") {
            return Err(invalid(
                model,
                "setting 'endpoint' must be the resource's own, such as https://NAME.openai.azure.com: /openai and what \
                 follows it are put there",
            ));
        }
        Ok(AzureOpenAi { format, path, deployment, is_bearer })
    }
}

impl<F: Format> Format for AzureOpenAi<F> {
    fn check(&self, model: &Model, options: &Options) -> Result<()> {
        self.format.check(model, options)
    }

    fn url(&self, model: &Model, _stream: bool) -> Result<Url> {
        // Dates are versions of the API with deployments; v1 knows names only ("preview", "v1") and needs none.
        let version = model.api_version.as_deref();
        let base = match version.filter(|version| version.starts_with(|c: char| c.is_ascii_digit())) {
            Some(_) => format!("/openai/deployments/{}", self.deployment),
            None => "/openai/v1".to_string(),
        };
        let mut url = Url::parse(&format!("{}{base}{}", model.endpoint, self.path))
            .map_err(|_| invalid(model, "settings 'endpoint' and 'deployment' make no URL"))?;
        if let Some(version) = version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        Ok(url)
    }

    fn headers(&self, model: &Model) -> Result<HeaderMap> {
        self.format.headers(model)
    }

    fn frame(&self, model: &Model, options: &Options, stream: bool) -> Result<Box<dyn Frame>> {
        // Azure knows a model by the name of its deployment.
        let model = Model { model: self.deployment.clone(), ..model.clone() };
        self.format.frame(&model, options, stream)
    }

    fn key_header(&self, _model: &Model) -> Result<HeaderName> {
        Ok(if self.is_bearer { AUTHORIZATION } else { HeaderName::from_static("api-key") })
    }

    fn parse(&self, http_status: u16, headers: &HeaderMap, body: &[u8]) -> Parsed {
        self.format.parse(http_status, headers, body)
    }

    fn error(&self, http_status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        self.format.error(http_status, headers, body)
    }

    fn stream(&self) -> Box<dyn StreamParser> {
        self.format.stream()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::completion::Status;
    use crate::provider::format::format_of;
    use crate::provider::secret::Secret;
    use crate::spec::{CallKind, ModelConf};

    fn model(pairs: &[(&str, &str)]) -> Model {
        let base = [
            ("provider", "azure_openai"),
            ("model", "gpt-4o"),
            ("endpoint", "https://mine.openai.azure.com"),
            ("apiKeySecret", "k"),
        ];
        let conf = base.iter().chain(pairs).map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Model::from_conf(&ModelConf { name: "m".into(), conf }).unwrap()
    }

    fn url(pairs: &[(&str, &str)], kind: CallKind) -> String {
        let model = model(pairs);
        format_of(&model, kind).unwrap().url(&model, false).unwrap().to_string()
    }

    #[test]
    fn paths_of_both_forms() {
        let (chat, embed) = (CallKind::Complete, CallKind::Embed);
        let base = "https://mine.openai.azure.com/openai";
        for (pairs, kind, path) in [
            (&[("apiVersion", "2024-10-21")][..], chat, "/deployments/gpt-4o/chat/completions?api-version=2024-10-21"),
            (
                &[("apiVersion", "2025-01-01-preview"), ("deployment", "prod-1")],
                chat,
                "/deployments/prod-1/chat/completions?api-version=2025-01-01-preview",
            ),
            (&[], chat, "/v1/chat/completions"),
            (&[("apiVersion", "preview")], chat, "/v1/chat/completions?api-version=preview"),
            (&[("apiVersion", "2024-10-21")], embed, "/deployments/gpt-4o/embeddings?api-version=2024-10-21"),
            (&[], embed, "/v1/embeddings"),
        ] {
            assert_eq!(url(pairs, kind), format!("{base}{path}"));
        }
    }

    #[test]
    fn the_key_goes_where_auth_says() {
        for (pairs, header, value) in [
            (&[][..], "api-key", "k"),
            (&[("auth", "api-key")], "api-key", "k"),
            (&[("auth", "bearer")], "authorization", "Bearer k"),
        ] {
            let model = model(pairs);
            let format = format_of(&model, CallKind::Complete).unwrap();
            let mut headers = HeaderMap::new();
            let url = format.url(&model, false).unwrap();
            format.sign(&model, Some(&Secret::new("k")), &url, &mut headers, b"", SystemTime::now()).unwrap();
            assert_eq!((headers.len(), headers[header].to_str().unwrap()), (1, value));
        }
    }

    #[test]
    fn what_makes_no_url_is_refused() {
        for (pairs, says) in [
            (&[("auth", "token")][..], "must be api-key or bearer"),
            (&[("endpoint", "https://mine.openai.azure.com/openai/v1")], "must be the resource's own"),
            (&[("deployment", "a/b")], "must not hold '/'"),
        ] {
            let e = format_of(&model(pairs), CallKind::Complete).err().unwrap();
            assert!(e.message().contains(says), "{e}");
        }
    }

    #[test]
    fn its_filter_is_no_invalid_request() {
        let model = model(&[]);
        let format = format_of(&model, CallKind::Complete).unwrap();
        let body = br#"{"error": {"message": "m", "type": null, "param": "prompt", "code": "content_filter", "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": true}}}}}"#;
        let failure = format.error(400, &HeaderMap::new(), body);
        assert_eq!(failure.status, Status::ContentFiltered);
        assert!(failure.message.contains("inner code ResponsibleAIPolicyViolation"), "{}", failure.message);
        let answer = br#"{"model": "gpt-4o", "prompt_filter_results": [{"prompt_index": 0}], "choices": [{"index": 0,
            "finish_reason": "content_filter", "content_filter_results": {"hate": {"filtered": true}},
            "message": {"role": "assistant", "content": "half"}}]}"#;
        let answer = format.parse(200, &HeaderMap::new(), answer).0.unwrap();
        assert_eq!((answer.status, answer.partial_text.as_deref()), (Status::ContentFiltered, Some("half")));
    }
}
