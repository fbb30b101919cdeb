# Prints the user's token by googleauth, before and after a call of the API: a case a line of standard input, as JSON with
# `variables` of the environment and `args`: the API's URL, then scopes. Each is a process of its own, forked from one that has
# loaded the library.
# A library that knows no external_account is given the delegated credential of an authorized_user file by code.
require "json"
require "net/http"
require "googleauth"

def token_of(credentials)
  credentials.apply({})[:authorization].delete_prefix("Bearer ")
end

def status_of(url, token)
  Net::HTTP.get_response(URI(url), { "authorization" => "Bearer #{token}" }).code.to_i
end

def run(url, *scopes)
  file = JSON.parse(File.read(ENV["GOOGLE_APPLICATION_CREDENTIALS"])) if ENV["GOOGLE_APPLICATION_CREDENTIALS"]
  credentials =
    if file && file["type"] == "authorized_user"
      Google::Auth::UserRefreshCredentials.new(
        token_credential_uri: file["token_uri"], client_id: file["client_id"], client_secret: file["client_secret"],
        refresh_token: file["refresh_token"], scope: scopes
      )
    else
      Google::Auth.get_application_default(scopes.empty? ? nil : scopes)
    end
  first = token_of(credentials)
  status = status_of(url, first)
  { "tokens" => [first, token_of(credentials)], "status" => status }
rescue StandardError => error
  { "error" => "#{error.class}: #{error.message}" }
end

$stdin.each_line do |line|
  one = JSON.parse(line)
  child = fork do
    ENV.update(one["variables"])
    $stdout.puts JSON.generate(run(*one["args"]))
    $stdout.flush
    exit!(true)
  end
  _, status = Process.wait2(child)
  exit 1 unless status.success?
end
