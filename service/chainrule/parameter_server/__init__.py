"""The parameter server of one job: it holds W, B and the optimizer's state, adds up partials and applies steps."""
