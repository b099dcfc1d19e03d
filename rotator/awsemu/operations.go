package awsemu

import (
	"maps"
	"slices"
)

// operation is one API call: run reads q and changes the server, which is locked.
type operation struct {
	run func(s *Server, q *request) (any, error)
	// anyone marks the calls that need no permission of the caller's, or that check it themselves.
	anyone bool
}

// operations is the table of everything that can be called.
func operations() map[string]map[string]operation {
	return map[string]map[string]operation{
		iam: {
			"CreateAccessKey":          {run: (*Server).createAccessKey},
			"UpdateAccessKey":          {run: (*Server).updateAccessKey},
			"DeleteAccessKey":          {run: (*Server).deleteAccessKey},
			"ListAccessKeys":           {run: (*Server).listAccessKeys},
			"GetAccessKeyLastUsed":     {run: (*Server).getAccessKeyLastUsed},
			"GetUser":                  {run: (*Server).getUser},
			"ListUsers":                {run: (*Server).listUsers},
			"CreateUser":               {run: (*Server).createUser},
			"DeleteUser":               {run: (*Server).deleteUser},
			"GenerateCredentialReport": {run: (*Server).generateCredentialReport},
			"GetCredentialReport":      {run: (*Server).getCredentialReport},
			"TagUser":                  {run: (*Server).tagUser},
			"UntagUser":                {run: (*Server).untagUser},
			"ListUserTags":             {run: (*Server).listUserTags},
		},
		sts: {
			"GetCallerIdentity": {run: (*Server).getCallerIdentity, anyone: true},
			"GetAccessKeyInfo":  {run: (*Server).getAccessKeyInfo},
			"AssumeRole":        {run: (*Server).assumeRole, anyone: true},
		},
		secretsManager: {
			"CreateSecret":             {run: (*Server).createSecret},
			"DescribeSecret":           {run: (*Server).describeSecret},
			"GetSecretValue":           {run: (*Server).getSecretValue},
			"PutSecretValue":           {run: (*Server).putSecretValue},
			"UpdateSecretVersionStage": {run: (*Server).updateSecretVersionStage},
			"ListSecretVersionIds":     {run: (*Server).listSecretVersionIDs},
			"TagResource":              {run: (*Server).tagSecret},
			"UntagResource":            {run: (*Server).untagSecret},
			"DeleteSecret":             {run: (*Server).deleteSecret},
			"RestoreSecret":            {run: (*Server).restoreSecret},
		},
		ssm: {
			"GetParameter":           {run: (*Server).getParameter},
			"PutParameter":           {run: (*Server).putParameter},
			"DeleteParameter":        {run: (*Server).deleteParameter},
			"DescribeParameters":     {run: (*Server).describeParameters},
			"GetParameterHistory":    {run: (*Server).getParameterHistory},
			"AddTagsToResource":      {run: (*Server).tagParameter},
			"RemoveTagsFromResource": {run: (*Server).untagParameter},
			"ListTagsForResource":    {run: (*Server).listParameterTags},
		},
	}
}

// Operations names every emulated call as "service:Operation", in order. Fault scripts know exactly these.
func Operations() []string {
	var names []string
	for service, calls := range operations() {
		for name := range maps.Keys(calls) {
			names = append(names, service+":"+name)
		}
	}
	slices.Sort(names)
	return names
}
