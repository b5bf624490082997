"""Speed and memory of strtf, measured: one command for each claim, see README.md."""
