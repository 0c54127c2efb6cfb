package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
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
		if err := h.do(func() { r = h.report() }); err != nil {
			refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(r) //nolint:errcheck // whoever asked is gone
	})
	cut := func(value bool) http.HandlerFunc {
		return h.command(func(r *http.Request) error {
			id, err := strconv.Atoi(r.FormValue("node"))
			if err != nil || id < 0 || id >= OurNodes {
				return fmt.Errorf("node %q: want 0 to %d", r.FormValue("node"), OurNodes-1)
			}
			return h.do(func() { h.cut[id] = value })
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
		if over := h.do(func() { err = h.stage(Upgrade{Era: era, Version: version}) }); over != nil {
			return over
		}
		return err
	}))
	return mux
}

func (h *Hub) command(do func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(r); err != nil {
			refuse(w, err)
		}
	}
}

var errOver = errors.New("the network ends")

// do has a step run.
func (h *Hub) do(step func()) error {
	if !h.loop.Do(step) {
		return errOver
	}
	return nil
}

func refuse(w http.ResponseWriter, err error) {
	code := http.StatusBadRequest
	if errors.Is(err, errOver) {
		code = http.StatusServiceUnavailable
	}
	http.Error(w, err.Error(), code)
}
