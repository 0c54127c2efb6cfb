package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// switchVariable is what the functions of a bundle look at, and switchEnvironment where a process
// gets it from.
const (
	switchVariable    = "mutantSwitch"
	switchEnvironment = "CASPER_COSIGNER_MUTANT"
)

// errAlone says that a mutant cannot stand beside others and needs a build of its own.
var errAlone = errors.New("changes more than what functions do")

// bundle is one source file that holds the code as it is and mutants of it. A function that a
// mutant changes asks first whether that one is switched on; if so, it hands over to a copy that
// has the mutant's body. So one build serves all, and one that is switched off changes nothing.
type bundle struct {
	// plain is the file as it is.
	plain file
	// inserts is text to put into it, by offset.
	inserts map[int]string
	// copies is what follows it.
	copies strings.Builder
}

// newBundle reads a source file.
func newBundle(source string) (*bundle, error) {
	plain, err := parse(source)
	if err != nil {
		return nil, err
	}
	return &bundle{plain: plain, inserts: make(map[int]string)}, nil
}

// add takes in the mutant of a number, whose edits make source of the file, or returns errAlone.
func (b *bundle) add(number int, source string) error {
	mutated, err := parse(source)
	if err != nil {
		return err
	}
	if mutated.skeleton() != b.plain.skeleton() || len(mutated.functions) != len(b.plain.functions) {
		return errAlone
	}
	var changed []int
	for i, f := range b.plain.functions {
		if other := mutated.functions[i]; b.plain.body(f) != mutated.body(other) {
			if !b.plain.stands(f) || !mutated.stands(other) {
				return errAlone
			}
			changed = append(changed, i)
		}
	}
	if len(changed) == 0 {
		return errAlone
	}
	for _, i := range changed {
		name := fmt.Sprintf("mutant%d_%s", number, mutated.functions[i].Name.Name)
		b.handOver(b.plain.functions[i], number, name)
		b.copies.WriteString("\n" + mutated.renamed(mutated.functions[i], name) + "\n")
	}
	return nil
}

// handOver has a function call the copy of that name while the mutant is switched on. Lines keep
// their numbers.
func (b *bundle) handOver(f *ast.FuncDecl, number int, name string) {
	call := name + "(" + strings.Join(b.arguments(f), ", ") + ")"
	if f.Recv != nil {
		call = b.names(f.Recv.List, "mutantReceiver")[0] + "." + call
	}
	if f.Type.Results == nil {
		call += "; return"
	} else {
		call = "return " + call
	}
	b.inserts[b.plain.offset(f.Body.Lbrace)+1] += fmt.Sprintf(" if %s == \"%d\" { %s };", switchVariable, number, call)
}

// arguments lists a function's parameters as a call passes them on.
func (b *bundle) arguments(f *ast.FuncDecl) []string {
	names := b.names(f.Type.Params.List, "mutantParameter")
	if n := len(f.Type.Params.List); n > 0 {
		if _, variadic := f.Type.Params.List[n-1].Type.(*ast.Ellipsis); variadic {
			names[len(names)-1] += "..."
		}
	}
	return names
}

// names lists the names of parameters, and gives one to each that has none.
func (b *bundle) names(fields []*ast.Field, prefix string) []string {
	var names []string
	for _, field := range fields {
		if len(field.Names) == 0 {
			name := fmt.Sprint(prefix, len(names))
			b.inserts[b.plain.offset(field.Type.Pos())] = name + " "
			names = append(names, name)
		}
		for _, ident := range field.Names {
			name := ident.Name
			if name == "_" {
				// Written behind the underscore, it makes another name of it.
				suffix := fmt.Sprint(prefix, len(names))
				b.inserts[b.plain.offset(ident.End())] = suffix
				name += suffix
			}
			names = append(names, name)
		}
	}
	return names
}

// String returns the file's text, and its copies.
func (b *bundle) String() string {
	var text strings.Builder
	at := 0
	offsets := make([]int, 0, len(b.inserts))
	for offset := range b.inserts {
		offsets = append(offsets, offset)
	}
	slices.Sort(offsets)
	for _, offset := range offsets {
		text.WriteString(b.plain.source[at:offset] + b.inserts[offset])
		at = offset
	}
	return text.String() + b.plain.source[at:] + b.copies.String()
}

// switchFile is the file that each package of a bundle gets besides.
func (b *bundle) switchFile() string {
	return fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar %s = os.Getenv(%q)\n",
		b.plain.name, switchVariable, switchEnvironment)
}

// file is a source file with its functions.
type file struct {
	source    string
	name      string
	functions []*ast.FuncDecl
	start     token.Pos
}

// parse reads a source file.
func parse(source string) (file, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, "", source, parser.SkipObjectResolution)
	if err != nil {
		return file{}, fmt.Errorf("parsing: %w", err)
	}
	f := file{source: source, name: syntax.Name.Name, start: syntax.FileStart}
	for _, decl := range syntax.Decls {
		if function, is := decl.(*ast.FuncDecl); is && function.Body != nil {
			f.functions = append(f.functions, function)
		}
	}
	return f, nil
}

func (f file) offset(pos token.Pos) int { return int(pos - f.start) }

func (f file) text(from, to token.Pos) string { return f.source[f.offset(from):f.offset(to)] }

// body returns what stands between a function's braces, with them.
func (f file) body(function *ast.FuncDecl) string {
	return f.text(function.Body.Pos(), function.Body.End())
}

// skeleton is the file without what its functions do.
func (f file) skeleton() string {
	var text strings.Builder
	at := f.start
	for _, function := range f.functions {
		text.WriteString(f.text(at, function.Body.Pos()))
		at = function.Body.End()
	}
	return text.String() + f.source[f.offset(at):]
}

// renamed returns a function by another name.
func (f file) renamed(function *ast.FuncDecl, name string) string {
	return f.text(function.Pos(), function.Name.Pos()) + name + f.text(function.Name.End(), function.End())
}

// stands says whether a copy of the function, called by it, does the same: one that recovers does
// not, for it must be called by what panics. An init cannot be called, and a function of types is
// not worth it.
func (f file) stands(function *ast.FuncDecl) bool {
	return function.Name.Name != "init" && function.Name.Name != "_" && function.Type.TypeParams == nil &&
		!strings.Contains(f.body(function), "recover()")
}
