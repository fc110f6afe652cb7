require "openssl"

def signature(system_id)
  secret = ENV.fetch("GROWLYTICS_LOGIN_SECRET")
  OpenSSL::HMAC.hexdigest("SHA256", secret, system_id)
end
