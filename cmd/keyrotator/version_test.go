package main

import (
	"runtime/debug"
	"testing"
)

func TestAProgramKnowsItsVersionCommitAndDateHoweverItWasBuilt(t *testing.T) {
	workTree := &debug.BuildInfo{
		Main: debug.Module{Version: "v1.2.4-0.20260102030405-0123456789ab"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "false"},
		},
	}
	changed := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123"}, {Key: "vcs.modified", Value: "true"}}}
	tests := []struct {
		name     string
		stamped  buildInfo
		recorded *debug.BuildInfo
		want     buildInfo
	}{
		{
			"a release is what the linker was told", buildInfo{Version: "v1.2.3", Commit: "abc", Date: "2026-01-01T00:00:00Z"}, workTree,
			buildInfo{Version: "v1.2.3", Commit: "abc", Date: "2026-01-01T00:00:00Z"},
		},
		{
			"a work tree is what the go command recorded", buildInfo{}, workTree,
			buildInfo{Version: "v1.2.4-0.20260102030405-0123456789ab", Commit: "0123456789abcdef", Date: "2026-01-02T03:04:05Z"},
		},
		{"a changed work tree says so", buildInfo{}, changed, buildInfo{Version: "(devel)", Commit: "0123+changes", Date: "unknown"}},
		{
			"an installed module knows its version alone", buildInfo{}, &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}},
			buildInfo{Version: "v1.2.3", Commit: "unknown", Date: "unknown"},
		},
		{"a program that nobody told anything", buildInfo{}, &debug.BuildInfo{}, buildInfo{Version: "(devel)", Commit: "unknown", Date: "unknown"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.stamped.completed(tt.recorded); got != tt.want {
				t.Errorf("completed = %+v, want %+v", got, tt.want)
			}
		})
	}
}
