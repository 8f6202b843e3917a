"""What would happen: the stochastic reference engine, its laws and the travel models."""
