package awsemu

import "time"

// use is one recorded use of a key.
type use struct {
	at              time.Time // emulator's clock: what is shown
	from            time.Time // base clock: from when on it is shown
	region, service string
}

// uses are a key's recorded uses: the one that is shown, then those that are still on their way.
type uses []use

// record notes a use. IAM records only the first use of a span (15 minutes) and shows it late; later uses within
// the span leave no trace. The caller holds s.mu.
func (s *Server) recordUse(k *accessKey, service, region string) {
	at := s.stamp()
	if n := len(k.uses); n > 0 {
		if since := at.Sub(k.uses[n-1].at); since >= 0 && since < s.opt.LastUsedGranularity {
			return
		}
	}
	base := s.opt.Now()
	k.uses = append(k.uses.shown(base), use{at, base.Add(s.opt.LastUsedLag), region, service})
}

// shown drops what a later visible use has replaced.
func (u uses) shown(base time.Time) uses {
	for len(u) > 1 && !u[1].from.After(base) {
		u = u[1:]
	}
	return u
}

// visible is the use that GetAccessKeyLastUsed and the credential report show, nil when there is none.
func (u uses) visible(base time.Time) *use {
	u = u.shown(base)
	if len(u) == 0 || u[0].from.After(base) {
		return nil
	}
	return &u[0]
}
