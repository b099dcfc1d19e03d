package iamkeys

// ParseReport lets the tests feed the parser.
var ParseReport = parseReport
