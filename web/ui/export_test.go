package ui

// Causes are the usual causes of failed reads.
var Causes = causes
