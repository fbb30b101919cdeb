import com.google.api.client.http.GenericUrl;
import com.google.api.client.http.HttpResponse;
import com.google.api.client.http.HttpResponseException;
import com.google.api.client.http.javanet.NetHttpTransport;
import com.google.auth.http.HttpCredentialsAdapter;
import com.google.auth.oauth2.AccessToken;
import com.google.auth.oauth2.GoogleCredentials;
import com.google.gson.Gson;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Prints the user's token by google-auth-library-oauth2-http, before and after a call of the API. Arguments: the API's URL, then scopes. */
public class Program {
  public static void main(String[] args) {
    System.out.println(new Gson().toJson(run(args[0], List.of(args).subList(1, args.length))));
  }

  private static Map<String, Object> run(String url, List<String> scopes) {
    try {
      var credentials = GoogleCredentials.getApplicationDefault().createScoped(scopes);
      var first = token(credentials);
      var requests = new NetHttpTransport().createRequestFactory(new HttpCredentialsAdapter(credentials));
      int status = status(requests.buildGetRequest(new GenericUrl(url)).setThrowExceptionOnExecuteError(false).execute());
      return Map.of("tokens", List.of(first, token(credentials)), "status", status);
    } catch (IOException error) {
      return Map.of("error", error.toString() + (error.getCause() == null ? "" : " " + error.getCause()));
    }
  }

  private static String token(GoogleCredentials credentials) throws IOException {
    credentials.refreshIfExpired();
    return credentials.getAccessToken().getTokenValue();
  }

  private static int status(HttpResponse response) throws IOException {
    response.disconnect();
    return response.getStatusCode();
  }
}
