# Google's sample of a web server app (https://developers.google.com/identity/protocols/oauth2/web-server), with the broker's token.
# No gem is needed: Ruby brings no HTTP server, so that a few lines at the end take its place; your app has Rails, Sinatra or Rack.
# See ../README.md for the variables.
require "json"
require "net/http"
require "securerandom"
require "socket"
require "uri"

BROKER_URL = ENV.fetch("BROKER_URL", "http://localhost:3000")
BROKER_KEY = ENV.fetch("BROKER_KEY", "")
APP_URL = ENV.fetch("APP_URL", "http://localhost:8080")
API_URL = ENV.fetch("API_URL", "https://youtubeanalytics.googleapis.com")
SCOPE = "https://www.googleapis.com/auth/yt-analytics.readonly"
RETURN_TO = "#{APP_URL}/test"
REPORT = "/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views,likes&dimensions=day"
PAGE = File.read(File.join(__dir__, "..", "index.html"))

def call(method, url, token, body = nil)
  uri = URI(url)
  request = Net::HTTP.const_get(method.capitalize).new(uri)
  request["Authorization"] = "Bearer #{token}"
  if body
    request["Content-Type"] = "application/json"
    request.body = JSON.generate(body)
  end
  answer = Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https") { |http| http.request(request) }
  [answer.code.to_i, answer.body]
end

def call_broker(method, path, body = nil)
  status, answer = call(method, BROKER_URL + path, BROKER_KEY, body)
  [status, JSON.parse(answer)]
end

def text(status, body)
  { status: status, type: "text/plain; charset=utf-8", body: body }
end

def redirect(location)
  { status: 303, type: "text/plain", body: "", location: location }
end

def test_api_request(user, connect)
  # The way back from Google: any other outcome would lead there again.
  return text(200, "The connect ended as: #{connect}") unless [nil, "success"].include?(connect)

  query = { scope: SCOPE, return_to: RETURN_TO }
  loop do
    status, token = call_broker("GET", "/tokens/#{user}?#{URI.encode_www_form(query)}")
    return redirect(token["connect_url"]) if token["connect_url"]
    return text(502, token["detail"]) unless status == 200

    status, report = call("GET", API_URL + REPORT, token["access_token"])
    return { status: status, type: "application/json", body: report } if status != 401 || query[:refused]

    # Google may end a token before its time. The broker gets another where it is named, once.
    query[:refused] = token["token_id"]
  end
end

def authorize(user)
  ticket = { user_id: user, scope: SCOPE, return_to: RETURN_TO, another_account: true }
  status, body = call_broker("POST", "/connect/tickets", ticket)
  status == 201 ? redirect(body["connect_url"]) : text(502, body["detail"])
end

def disconnect(user, mode)
  grants = []
  query = ""
  loop do
    status, page = call_broker("GET", "/users/#{user}/grants#{query}")
    return text(502, page["detail"]) unless status == 200

    grants += page["grants"]
    break if page["next"].nil?

    query = "?#{URI.encode_www_form(cursor: page["next"])}"
  end
  grants.each do |grant|
    status, body = call_broker("DELETE", "/grants/#{grant["id"]}?mode=#{mode}")
    return text(502, body["detail"]) if status >= 400
  end
  redirect("/")
end

def answer_to(method, path, query, user)
  case "#{method} #{path}"
  when "GET /" then { status: 200, type: "text/html; charset=utf-8", body: PAGE }
  when "GET /test" then test_api_request(user, URI.decode_www_form(query.to_s).to_h["connect"])
  when "GET /authorize" then authorize(user)
  when "POST /revoke" then disconnect(user, "revoke")
  when "POST /clear" then disconnect(user, "local")
  else text(404, "Not found")
  end
rescue SystemCallError, SocketError, Timeout::Error, EOFError
  text(502, "The broker or the API does not answer.")
end

def serve(socket)
  method, target = socket.gets.to_s.split
  return if target.nil?

  headers = {}
  while (line = socket.gets) && line != "\r\n"
    name, value = line.split(":", 2)
    headers[name.downcase] = value.to_s.strip
  end
  socket.read(headers["content-length"].to_i)
  path, query = target.split("?", 2)
  # Your app has the user of its session. Here each browser is a user, by a random id.
  user = headers.fetch("cookie", "")[/(?:\A|; )user=([0-9a-f]{32})(?=;|\z)/, 1] || SecureRandom.hex(16)
  answer = answer_to(method, path, query, user)
  socket.write "HTTP/1.1 #{answer[:status]} \r\n"
  socket.write "Location: #{answer[:location]}\r\n" if answer[:location]
  socket.write "Set-Cookie: user=#{user}; Path=/; HttpOnly; SameSite=Lax\r\n"
  socket.write "Content-Type: #{answer[:type]}\r\nContent-Length: #{answer[:body].bytesize}\r\nConnection: close\r\n\r\n"
  socket.write answer[:body]
ensure
  socket.close
end

address = URI(APP_URL)
server = TCPServer.new(address.host, address.port)
puts "Open #{APP_URL}"
$stdout.flush
loop { Thread.new(server.accept) { |socket| serve(socket) } }
