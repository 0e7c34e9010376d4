"""Workers: the training loop, which knows no Ray; the Ray actor around it; the launcher, the only Ray driver."""
