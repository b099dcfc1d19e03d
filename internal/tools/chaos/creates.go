package main

import (
	"sync"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// creates counts the keys that AWS made for a replica since the journal was last
// restored. It has a lock of its own: AWS does not wait for who reads the journal.
type creates struct {
	fail failing

	mu       sync.Mutex
	made     map[string]int // by the user's name
	restored bool
}

// note takes up what AWS made of a create.
func (c *creates) note(call awsemu.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case call.ErrorCode == "" || call.Fault == awsemu.ServerErrorAfter:
		c.made[call.User]++
	case call.ErrorCode == "LimitExceeded" && !c.restored:
		c.fail(doubleRotation, "%s asked for a third key of %s", call.Owner, call.User)
	}
}

// of is how many keys a user got.
func (c *creates) of(user string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made[user]
}

// forget starts anew, because a restored journal does not know the keys so far.
func (c *creates) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.made)
	c.restored = true
}
