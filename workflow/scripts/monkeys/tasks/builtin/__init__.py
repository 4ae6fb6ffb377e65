"""The built-in tasks, one module each: the paper's (section 2, appendix A and its released code), and later ones."""
