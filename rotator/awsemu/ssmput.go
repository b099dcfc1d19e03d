package awsemu

import (
	"slices"
	"strings"
	"unicode/utf8"
)

type putParameterInput struct {
	Name, Value, Type, Tier            string
	Description, AllowedPattern, KeyId string //nolint:revive // AWS's spelling
	Overwrite                          bool
	Tags                               []tag
}

func (s *Server) putParameter(q *request) (any, error) {
	var in putParameterInput
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	p := q.parameters()[in.Name]
	var next parameterVersion
	var err error
	switch {
	case p != nil && !in.Overwrite:
		return nil, errSSM("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	case p == nil && in.Type == "":
		return nil, errValidation(ssm, "A parameter type is required when you create a parameter.")
	case p == nil:
		next, err = in.version(parameterVersion{tier: tierStandard, kind: in.Type})
	default:
		next, err = in.version(p.newest())
	}
	if err != nil {
		return nil, err
	}
	if p == nil {
		p = &parameter{
			name: in.Name, tags: in.Tags,
			arn: "arn:aws:ssm:" + q.region + ":" + q.caller.account().id + ":parameter/" + strings.TrimPrefix(in.Name, "/"),
		}
		q.parameters()[in.Name] = p
	}
	next.modified, next.by = q.at, q.caller.arn()
	p.history = append(p.history, next)
	p.history = p.history[max(0, len(p.history)-keptHistory):]
	return map[string]any{"Version": next.number, "Tier": next.tier}, nil
}

// version makes the version that follows last. The key id is that of the account unless it is given anew (API
// reference, PutParameter). Whether AWS keeps a description or a pattern that is left out is not documented; they are
// kept here, which is the harder case for whoever marks a version by its description.
func (in *putParameterInput) version(last parameterVersion) (parameterVersion, error) {
	next := last
	next.number, next.value = last.number+1, in.Value
	if in.Type != "" && in.Type != last.kind {
		return next, errSSM("HierarchyTypeMismatchException", "Parameter Store doesn't support changing a parameter type in a hierarchy. "+
			"For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.")
	}
	if in.Description != "" {
		next.description = in.Description
	}
	if in.AllowedPattern != "" {
		next.pattern = in.AllowedPattern
	}
	next.key = ""
	if next.kind == secureString {
		next.key = in.KeyId
		if next.key == "" {
			next.key = defaultKey
		}
	}
	switch {
	case in.Tier == tierStandard && last.tier == tierAdvanced:
		return next, errValidation(ssm, "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier "+
			"to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.")
	case in.Tier == tierAdvanced, in.Tier == tierEither && len(in.Value) > standardValue:
		next.tier = tierAdvanced
	}
	if len(in.Value) > standardValue && next.tier != tierAdvanced {
		return next, errValidation(ssm, "Standard tier parameters support a maximum parameter value of %d characters. "+
			"To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.", standardValue)
	}
	return next, nil
}

// check holds the input to the API model. A value is never repeated in an error.
func (in *putParameterInput) check() error {
	switch {
	case in.Name == "" || strings.ContainsFunc(in.Name, func(c rune) bool { return !letterOrDigit(c) && !strings.ContainsRune("_.-/", c) }):
		return errValidation(ssm, "Parameter name: can't be empty and can only include letters, numbers and the symbols _.-/")
	case reservedName(in.Name):
		return errValidation(ssm, "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).")
	case in.Value == "":
		return errValidation(ssm, "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case len(in.Value) > advancedValue:
		return errValidation(ssm, "Standard tier parameters support a maximum parameter value of %d characters, advanced ones of %d.", standardValue, advancedValue)
	case utf8.RuneCountInString(in.Description) > maxDescription:
		return errConstraint(ssm, "description", in.Description, "Member must have length less than or equal to 1024")
	case !slices.Contains([]string{"", tierStandard, tierAdvanced, tierEither}, in.Tier):
		return errConstraint(ssm, "tier", in.Tier, "Member must satisfy enum value set: [Standard, Advanced, Intelligent-Tiering]")
	case !slices.Contains([]string{"", "String", "StringList", secureString}, in.Type):
		return errSSM("UnsupportedParameterType", "The parameter type %s is not supported.", in.Type)
	case in.KeyId != "" && in.Type != "" && in.Type != secureString:
		return errValidation(ssm, "KeyId is required only for SecureString type parameter only.")
	case in.Overwrite && len(in.Tags) > 0:
		return errValidation(ssm, "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag.")
	}
	return nil
}

// reservedName reports whether AWS keeps names like this one to itself (API reference, PutParameter, Name).
func reservedName(name string) bool {
	first := strings.ToLower(strings.TrimPrefix(name, "/"))
	return strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm")
}
