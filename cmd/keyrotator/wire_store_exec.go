package main

import (
	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/exec"
)

func execStore(user rotator.User, e *config.Exec) (store.Store, error) {
	payload, err := payloadOf(e.Format, e.Profile, e.Shape)
	if err != nil {
		return nil, err
	}
	run, err := programOf(e.Program)
	if err != nil {
		return nil, err
	}
	return exec.New(exec.Options{Program: run, Payload: payload, Owner: user.String(), Adopt: e.Adopt, Reads: e.Reads})
}
