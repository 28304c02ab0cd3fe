"""What each verb of the command line does. Heavy packages are imported by the verb that needs them."""
