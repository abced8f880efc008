"""lehr inside other tools, and their spaces inside lehr. Nothing is imported until it is asked for."""
