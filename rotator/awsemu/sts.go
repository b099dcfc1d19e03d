package awsemu

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

// getCallerIdentity needs no permission, and no policy can forbid it (API reference of GetCallerIdentity).
func (s *Server) getCallerIdentity(q *request) (any, error) {
	return callerIdentity{q.caller.arn(), q.caller.id(), q.caller.account().id}, nil
}
