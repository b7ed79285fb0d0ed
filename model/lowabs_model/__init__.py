"""The pipeline: corpus, tokenizer, training, evaluation, export."""
