# Prints the user's token by googleauth, before and after a call of the API. Arguments: the API's URL, then scopes.
# A library that knows no external_account is given the delegated credential of an authorized_user file by code.
require "json"
require "net/http"
require "googleauth"

url, *scopes = ARGV
file = JSON.parse(File.read(ENV["GOOGLE_APPLICATION_CREDENTIALS"])) if ENV["GOOGLE_APPLICATION_CREDENTIALS"]

def token_of(credentials)
  credentials.apply({})[:authorization].delete_prefix("Bearer ")
end

def status_of(url, token)
  Net::HTTP.get_response(URI(url), { "authorization" => "Bearer #{token}" }).code.to_i
end

begin
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
  puts JSON.generate("tokens" => [first, token_of(credentials)], "status" => status)
rescue StandardError => error
  puts JSON.generate("error" => "#{error.class}: #{error.message}")
end
