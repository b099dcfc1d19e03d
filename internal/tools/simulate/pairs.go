package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/keyrotator/keyrotator/rotator/simulate"
)

// pairs puts every two faults at every two boundaries of one rotation. The
// second boundary is one of the history that the first fault makes.
func pairs(ctx context.Context, out io.Writer) (int, error) {
	runs, violations := 0, 0
	for _, shape := range simulate.Shapes() {
		p := pairing{shape: shape, out: out, first: make(chan simulate.Point)}
		clean, err := simulate.RunPoints(ctx, shape)
		if err != nil {
			return 1, err
		}
		var group sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			group.Go(func() {
				for point := range p.first {
					p.with(ctx, point)
				}
			})
		}
		for boundary := range clean.Boundaries {
			for _, fault := range simulate.PointFaults() {
				p.first <- simulate.Point{Boundary: boundary + 1, Fault: fault}
			}
		}
		close(p.first)
		group.Wait()
		if p.err != nil {
			return 1, p.err
		}
		fmt.Fprintf(out, "%s: %d boundaries, %d pairs, %d violations\n", shape, clean.Boundaries, p.runs, p.violations)
		runs, violations = runs+p.runs, violations+p.violations
	}
	fmt.Fprintf(out, "%d pairs of crash points, %d violations\n", runs, violations)
	return min(1, violations), nil
}

// pairing is the pairs of one shape.
type pairing struct {
	shape string
	out   io.Writer
	first chan simulate.Point

	mu               sync.Mutex
	runs, violations int
	err              error
}

// with runs all pairs of which the point is the first.
func (p *pairing) with(ctx context.Context, first simulate.Point) {
	alone, err := simulate.RunPoints(ctx, p.shape, first)
	if err != nil {
		p.count(first, first, alone, err)
		return
	}
	for boundary := first.Boundary + 1; boundary <= alone.Boundaries && ctx.Err() == nil; boundary++ {
		for _, fault := range simulate.PointFaults() {
			second := simulate.Point{Boundary: boundary, Fault: fault}
			r, err := simulate.RunPoints(ctx, p.shape, first, second)
			p.count(first, second, r, err)
		}
	}
}

func (p *pairing) count(first, second simulate.Point, r simulate.Result, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs++
	if err != nil {
		p.err = err
	}
	if len(r.Violations) > 0 {
		p.violations++
		fmt.Fprintf(p.out, "%s, %s and %s: %v\n", p.shape, first, second, r.Violations)
	}
}
