"""Early warning: alarms with their evidence, how often they are false, and what people made of them."""
