-- What a service asked for is a request, in every place.
ALTER TABLE "authorization_requests" RENAME COLUMN "wish" TO "connect_request";
