// Prints the user's token by golang.org/x/oauth2/google, before and after a call of the API. Arguments: the API's URL, then scopes.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

func main() {
	tokens, status, err := run(os.Args[1], os.Args[2:])
	printed := map[string]interface{}{"tokens": tokens, "status": status}
	if err != nil {
		printed = map[string]interface{}{"error": err.Error()}
	}
	json.NewEncoder(os.Stdout).Encode(printed)
}

func run(url string, scopes []string) ([]string, int, error) {
	ctx := context.Background()
	credentials, err := google.FindDefaultCredentials(ctx, scopes...)
	if err != nil {
		return nil, 0, err
	}
	first, err := credentials.TokenSource.Token()
	if err != nil {
		return nil, 0, err
	}
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return nil, 0, err
	}
	response, err := oauth2.NewClient(ctx, credentials.TokenSource).Do(request)
	if err != nil {
		return nil, 0, err
	}
	response.Body.Close()
	second, err := credentials.TokenSource.Token()
	if err != nil {
		return nil, 0, err
	}
	return []string{first.AccessToken, second.AccessToken}, response.StatusCode, nil
}
