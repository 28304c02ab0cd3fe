"""What is said: phones, how surely they are heard, and the gestures of the mouth that they ask for."""
