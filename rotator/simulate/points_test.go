package simulate

import (
	"runtime"
	"sync"
	"testing"
)

// TestEveryCrashPointOfARotationIsSafe puts each fault at each boundary of one
// clean rotation.
func TestEveryCrashPointOfARotationIsSafe(t *testing.T) {
	for _, shape := range Shapes() {
		t.Run(shape, func(t *testing.T) {
			clean, err := RunPoints(t.Context(), shape)
			if err != nil || len(clean.Violations) > 0 {
				t.Fatalf("without faults: %v, %v", clean.Violations, err)
			}
			var points []Point
			for boundary := range clean.Boundaries {
				for _, f := range PointFaults() {
					points = append(points, Point{boundary + 1, f})
				}
			}
			var mu sync.Mutex
			var group sync.WaitGroup
			struck, conflicts := 0, 0
			next := make(chan Point)
			for range runtime.GOMAXPROCS(0) {
				group.Go(func() {
					for p := range next {
						r, err := RunPoints(t.Context(), shape, p)
						mu.Lock()
						if err != nil || len(r.Violations) > 0 {
							t.Errorf("%s: %v, %v", p, r.Violations, err)
						}
						for _, n := range r.Faults {
							struck += n
						}
						conflicts += r.Conflicts
						mu.Unlock()
					}
				})
			}
			for _, p := range points {
				next <- p
			}
			close(next)
			group.Wait()
			t.Logf("%d boundaries, %d points, %d overtaken saves", clean.Boundaries, len(points), conflicts)
			if struck != len(points) || conflicts == 0 {
				t.Errorf("%d faults struck at %d points, %d saves were overtaken", struck, len(points), conflicts)
			}
		})
	}
}
