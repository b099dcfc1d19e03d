package dispatch
import ("testing";"time";"github.com/jackc/pgx/v5";"github.com/jackc/pgx/v5/pgxpool";"github.com/keyrotator/keyrotator/rotator")
func TestScratch(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), "postgres://postgres@127.0.0.1:55432/postgres")
	if err != nil { t.Fatal(err) }
	defer pool.Close()
	v, err := Migrate(t.Context(), pool)
	t.Log(v, err)
	w, err := NewWakes(nil)
	if err != nil { t.Fatal(err) }
	for _, at := range []time.Time{time.Now().Add(time.Hour), time.Now().Add(2*time.Hour), time.Now().Add(time.Minute), time.Now()} {
		err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return w.Follow(t.Context(), tx, rotator.User{Account:"a",Name:"b"}, at) })
		if err != nil { t.Fatal(err) }
		rows, _ := pool.Query(t.Context(), "select id::text||' '||state||' '||args||' '||scheduled_at from river_job")
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		t.Log(all, err)
	}
	t.Log(w.measure(t.Context(), pool))
}
