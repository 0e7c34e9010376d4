"""The service: accepts jobs, keeps them, shares out the cluster, and shows what happens."""
