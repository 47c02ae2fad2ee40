// Command cases prints models' texts with what OpenFGA makes of them, a JSON object a line: every text of a model in the given
// folders' tests, and for each some changed ones.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"github.com/openfga/language/pkg/go/transformer"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/openfga/openfga/pkg/typesystem"
)

// changed is how many changed texts are made of each.
const changed = 12

type file struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

type verdict struct {
	Text string `json:"text"`
	// Files are the files of a modular model; then there is no text.
	Files []file `json:"files"`
	// Model is the JSON form; none when the text is refused.
	Model json.RawMessage `json:"model"`
	// Refused says why the text is.
	Refused string `json:"refused"`
	// Printed is the model's text as OpenFGA prints it.
	Printed string `json:"printed"`
	// Invalid says why the model is.
	Invalid string `json:"invalid"`
}

var (
	inGo   = regexp.MustCompile("`(\\s*model\\s*\\n\\s*schema 1[^`]*)`")
	inYAML = regexp.MustCompile(`^(\s*)(?:- )?model: \|\s*$`)
	tokens = regexp.MustCompile(`[\w$-]+|[ \t]+|\n|.`)
	head   = regexp.MustCompile(`model\s*\n\s*schema\s+\S+`)
	named  = regexp.MustCompile(`\btype +(\w+)`)
	word   = regexp.MustCompile(`^[\w$-]+$`)
)

// texts finds the models' texts in a folder.
func texts(folder string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch {
		case strings.HasSuffix(path, "_test.go"):
			for _, match := range inGo.FindAllStringSubmatch(string(body), -1) {
				found = append(found, match[1])
			}
		case strings.HasSuffix(path, ".yaml"):
			found = append(found, blocks(string(body))...)
		}
		return nil
	})
	return found, err
}

// blocks finds the block texts under `model:` keys.
func blocks(body string) []string {
	var found []string
	lines := strings.Split(body, "\n")
	for at, line := range lines {
		match := inYAML.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		var block []string
		for _, next := range lines[at+1:] {
			indent := len(next) - len(strings.TrimLeft(next, " "))
			if strings.TrimSpace(next) != "" && indent <= len(match[1])+2 {
				break
			}
			block = append(block, next)
		}
		found = append(found, strings.Join(block, "\n")+"\n")
	}
	return found
}

// change makes one change: a word becomes another of the text, or a token goes, comes twice, or swaps places with the next.
func change(text string, random *rand.Rand) string {
	parts := tokens.FindAllString(text, -1)
	var words []int
	for at, part := range parts {
		if word.MatchString(part) {
			words = append(words, at)
		}
	}
	at := random.Intn(len(parts) - 1)
	switch random.Intn(6) {
	case 0:
		parts[at] = ""
	case 1:
		parts[at] += parts[at]
	case 2:
		parts[at], parts[at+1] = parts[at+1], parts[at]
	default:
		parts[words[random.Intn(len(words))]] = parts[words[random.Intn(len(words))]]
	}
	return strings.Join(parts, "")
}

func judge(text string) (of verdict) {
	of.Text = text
	model, err := transformer.TransformDSLToProto(text)
	if err != nil {
		of.Refused = err.Error()
		return of
	}
	of.Model, _ = protojson.Marshal(model)
	if printed, err := transformer.TransformJSONStringToDSL(string(of.Model)); err == nil {
		of.Printed = *printed
	}
	of.Invalid = invalid(model)
	return of
}

// invalid says why a model is.
func invalid(model *openfgav1.AuthorizationModel) (why string) {
	defer func() {
		if fault := recover(); fault != nil {
			why = fmt.Sprint("panic: ", fault)
		}
	}()
	model.Id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	if _, err := typesystem.NewAndValidate(context.Background(), model); err != nil {
		return err.Error()
	}
	return ""
}

// modular makes a text the first of two files; the second extends a type of it.
func modular(text string) (of verdict) {
	name := named.FindStringSubmatch(text)
	if name == nil {
		name = []string{"", "nothing"}
	}
	more := fmt.Sprintf("module two\n\ntype two\n\nextend type %s\n  relations\n    define more: [two]\n", name[1])
	of.Files = []file{{"one.fga", head.ReplaceAllString(text, "module one")}, {"sub/two.fga", more}}
	defer func() {
		if fault := recover(); fault != nil {
			of.Refused = fmt.Sprint("panic: ", fault)
		}
	}()
	var files []transformer.ModuleFile
	for _, one := range of.Files {
		files = append(files, transformer.ModuleFile{Name: one.Name, Contents: one.Text})
	}
	model, err := transformer.TransformModuleFilesToModel(files, "1.2")
	if err != nil {
		of.Refused = err.Error()
		return of
	}
	of.Model, _ = protojson.Marshal(model)
	of.Invalid = invalid(model)
	return of
}

func main() {
	all := map[string]bool{}
	for _, folder := range os.Args[1:] {
		found, err := texts(folder)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for _, text := range found {
			all[text] = true
		}
	}
	var list []string
	for text := range all {
		list = append(list, text)
	}
	sort.Strings(list)
	random := rand.New(rand.NewSource(1))
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := json.NewEncoder(out)
	for _, text := range list {
		_ = lines.Encode(judge(text))
		_ = lines.Encode(modular(text))
		for range changed {
			other := change(text, random)
			_ = lines.Encode(judge(other))
			_ = lines.Encode(modular(other))
		}
	}
}
