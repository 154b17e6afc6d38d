// Two OpenID providers on 127.0.0.1 for the live tests, at PORT and PORT + 1: node server.mjs PORT
//
// The second one has no device flow. All is in memory; secrets and passwords are for tests only.
// The pages are as plain as can be: the test's user fills in forms, as real browsers do.
import { Provider, errors } from 'oidc-provider';

const users = { alice: 'alice-password', bob: 'bob-password' };
const api = 'urn:live:api';

const deviceCode = 'urn:ietf:params:oauth:grant-type:device_code';
const desktop = {
  // Any port of a loopback redirect address (RFC 8252 §7.3).
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  response_types: ['code'],
  redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
};
const service = { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] };

function clients(hasDeviceFlow) {
  const grants = ['authorization_code', 'refresh_token', ...(hasDeviceFlow ? [deviceCode] : [])];
  return [
    { client_id: 'desktop', ...desktop, grant_types: grants },
    { client_id: 'bot', client_secret: 'bot-secret', token_endpoint_auth_method: 'client_secret_basic', ...service },
    { client_id: 'bot-post', client_secret: 'bot-post-secret', token_endpoint_auth_method: 'client_secret_post', ...service },
    { client_id: 'api', client_secret: 'api-secret', token_endpoint_auth_method: 'client_secret_basic', ...service },
  ];
}

function html(ctx, body) {
  ctx.type = 'html';
  ctx.body = `<!doctype html><title>oidc-provider</title>${body}`;
}

// The provider makes the form; the buttons are ours.
const withButtons = (form) =>
  form.replace('</form>', '<button name="accept">Yes</button><button name="abort" value="deny">No</button></form>');

function provider(issuer, hasDeviceFlow) {
  const own = new Provider(issuer, {
    clients: clients(hasDeviceFlow),
    scopes: ['openid', 'offline_access', 'profile', 'read', 'write'],
    claims: { openid: ['sub'], profile: ['name'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['of the live tests'] },
    findAccount: (_ctx, id) =>
      id in users && { accountId: id, claims: () => ({ sub: id, name: id }) },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    ttl: {
      AccessToken: 60, AuthorizationCode: 60, ClientCredentials: 60, DeviceCode: 120, Grant: 3600, IdToken: 300,
      Interaction: 600, RefreshToken: 1800, Session: 3600,
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      deviceFlow: {
        enabled: hasDeviceFlow,
        userCodeInputSource: (ctx, form, _out, error) => html(ctx, error ? `<p>${error.name}</p>` : form),
        userCodeConfirmSource: (ctx, form) => html(ctx, withButtons(form)),
        successSource: (ctx) => html(ctx, '<p>Done.</p>'),
      },
      introspection: { enabled: true, allowedPolicy: (_ctx, client) => client.clientId === 'api' },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_ctx, resource) {
          if (resource !== api) throw new errors.InvalidTarget();
          return { scope: 'read write', audience: api, accessTokenTTL: 60, accessTokenFormat: 'opaque' };
        },
      },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      rpInitiatedLogout: { enabled: true },
    },
  });
  own.use(pages(own));
  return own;
}

// The pages between an authorization request and its redirect: a login, then a question.
function pages(own) {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const { prompt, params, session, grantId } = await own.interactionDetails(ctx.req, ctx.res);
    if (ctx.method === 'GET') return html(ctx, prompt.name === 'login' ? login : question);
    let sent = '';
    for await (const part of ctx.req) sent += part;
    const form = new URLSearchParams(sent);
    let result;
    if (form.has('password')) {
      const username = form.get('username');
      if (users[username] !== form.get('password')) return html(ctx, login);
      result = { login: { accountId: username } };
    } else if (form.has('accept')) {
      const grant = (grantId && await own.Grant.find(grantId))
        || new own.Grant({ accountId: session.accountId, clientId: params.client_id });
      const { missingOIDCScope = [], missingResourceScopes = {} } = prompt.details;
      if (missingOIDCScope.length) grant.addOIDCScope(missingOIDCScope.join(' '));
      for (const [resource, scopes] of Object.entries(missingResourceScopes)) {
        grant.addResourceScope(resource, scopes.join(' '));
      }
      result = { consent: { grantId: await grant.save() } };
    } else {
      result = { error: 'access_denied', error_description: 'The user said no' };
    }
    ctx.status = 303;
    ctx.redirect(await own.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: 'consent' in result }));
    return undefined;
  };
}

const login = '<form method="post"><input name="username"><input name="password" type="password"><button>Log in</button></form>';
const question = '<form method="post"><button name="accept">Yes</button><button name="cancel">No</button></form>';

const first = Number(process.argv[2]);
for (const [port, hasDeviceFlow] of [[first, true], [first + 1, false]]) {
  const own = provider(`http://127.0.0.1:${port}`, hasDeviceFlow);
  own.on('server_error', (_ctx, error) => console.error(error));
  own.listen(port, '127.0.0.1');
}
process.on('SIGTERM', () => process.exit(0));
