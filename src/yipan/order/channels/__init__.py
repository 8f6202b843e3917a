"""How an order reaches a duty post: one folder a channel, one outbox for all of them."""
