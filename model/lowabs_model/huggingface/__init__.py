"""Any open code model of a known family: from a Hugging Face directory, or the hub, to a bundle."""
