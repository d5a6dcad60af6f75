//! A fast LLM server that injects faults and counts what it serves.
