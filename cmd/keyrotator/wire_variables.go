package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/store"
)

// variablesOf makes the named values that a credential is written as.
func variablesOf(v config.Variables) (store.Variables, error) {
	if !v.Single() {
		return store.NewVariables(namesOf(v.Shape))
	}
	shape, err := payloadOf(v.Format, v.Profile, v.Shape)
	if err != nil {
		return store.Variables{}, err
	}
	return store.NewSingleVariable(v.Variable, shape)
}

// namesOf are the names that a shape gives to the parts of a credential.
func namesOf(shape config.Shape) store.Names {
	return store.Names{
		KeyID: shape.Fields.KeyID, Secret: shape.Fields.Secret,
		SMTPUser: shape.Fields.SMTPUser, SMTPPassword: shape.Fields.SMTPPassword, SMTPRegion: shape.SESRegion,
	}
}
