"""Pages for a browser: what `rehearse`, `history` and `status` tell, each as one HTML file that needs no network."""
