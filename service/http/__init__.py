"""What every endpoint needs: declaring it, bodies, parameters, errors, authentication."""
