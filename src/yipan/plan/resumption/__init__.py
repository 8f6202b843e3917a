"""Work resumption: firms and their bottlenecks, workers who return, schools by grade and tier."""
