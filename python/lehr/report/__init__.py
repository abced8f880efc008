"""What people see of a run: plans, live tables, lines, and the last words.

Knows studies and deployments; neither knows it.

The command shows these, and so does :func:`lehr.tune` in a notebook or terminal.
"""
