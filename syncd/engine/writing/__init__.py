"""Write: commit the intent, send the request, commit the outcome; recover open writes."""
