// client-go asks a credential plugin for a token and sends it to an API, as kubectl does.
//
//	client-go VERSION COMMAND [ARGUMENT]…
//
// VERSION is the one of ExecCredential that it asks in. It prints what arrived in the header
// Authorization of two requests, or says on standard error why there was none.
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(version, command string, arguments []string) error {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		fmt.Println(request.Header.Get("Authorization"))
	}))
	defer server.Close()
	client, err := rest.HTTPClientFor(&rest.Config{
		Host: server.URL,
		ExecProvider: &api.ExecConfig{
			APIVersion:      "client.authentication.k8s.io/" + version,
			Command:         command,
			Args:            arguments,
			InteractiveMode: api.NeverExecInteractiveMode,
		},
	})
	if err != nil {
		return err
	}
	for range 2 {
		answer, err := client.Get(server.URL)
		if err != nil {
			return err
		}
		answer.Body.Close()
	}
	return nil
}
