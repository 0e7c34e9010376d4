"""From a user's file to data shards, and the preprocessing that travels with the model."""
