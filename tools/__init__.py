"""Tools of the project itself: installing, generated documents."""
