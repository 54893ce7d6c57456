/**
 * The SDK under an address that stays: `import { connect } from 'https://chat.example/sdk.js'`. It must never hold
 * anything but the way to the version that this server is of.
 */

// @ts-expect-error the server fills the version in
export * from './static/{{version}}/sdk/session.js';
