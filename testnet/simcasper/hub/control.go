package hub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"casper-cosigner/testnet/simcasper/link"
)

// commands are what the hub is told over HTTP:
//
//	GET  /report                       what the foreign validators have seen, a Report
//	POST /cut?node=N, /mend?node=N     loses all that node N sends and is sent, until mended
//	POST /upgrade?era=E&version=V      stages version V for era E
func (h *Hub) commands() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, _ *http.Request) {
		var r Report
		h.loop.Do(func() { r = h.report() })
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(r) //nolint:errcheck // whoever asked is gone
	})
	cut := func(value bool) http.HandlerFunc {
		return h.command(func(r *http.Request) error {
			id, err := strconv.Atoi(r.FormValue("node"))
			if err != nil || id < 0 || id >= OurNodes {
				return fmt.Errorf("node %q: want 0 to %d", r.FormValue("node"), OurNodes-1)
			}
			h.loop.Do(func() { h.cut[id] = value })
			return nil
		})
	}
	mux.HandleFunc("POST /cut", cut(true))
	mux.HandleFunc("POST /mend", cut(false))
	mux.HandleFunc("POST /upgrade", h.command(func(r *http.Request) (err error) {
		era, err := strconv.ParseUint(r.FormValue("era"), 10, 64)
		version := r.FormValue("version")
		if err != nil || version == "" {
			return fmt.Errorf("want an era and a version")
		}
		h.loop.Do(func() { err = h.stage(link.Upgrade{Era: era, Version: version}) })
		return err
	}))
	return mux
}

func (h *Hub) command(do func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}
}
