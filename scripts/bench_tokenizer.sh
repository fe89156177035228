#!/usr/bin/env bash
# scripts/bench_tokenizer.sh -- tokens/s of one thread beside Hugging Face's tokenizers, ids equal: one line of JSON.
# usage: scripts/bench_tokenizer.sh DATA [--rounds N]    DATA: a folder with triples.jsonl
exec "$(dirname "$0")/bench_data.sh" "$@" --only tokens
