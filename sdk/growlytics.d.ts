/** What an event or a customer is described with. Values of undefined or null are left out. */
export type Attributes = Record<string, unknown>;

export interface Settings {
  /** A browser key: `cpb_…`. */
  apiKey: string;
  /** The server, such as `https://profiles.example`. By default, where the script was loaded from. */
  host?: string;
  /** Say on the console why something isn't sent. */
  debug?: boolean;
  /** Record clicks on links and buttons as the event "Clicked". What is typed is never read. */
  captureClicks?: boolean;
  /** Record that forms are sent as the event "Form Submitted". What is in them is never read. */
  captureForms?: boolean;
  /** The page's router works with the part of the address after #. */
  trackHash?: boolean;
  /** Tell nothing of visitors whose browser asks for that (Do Not Track, Global Privacy Control). */
  respectDoNotTrack?: boolean;
  /** Tell nothing of visitors who haven't agreed, by `optIn()`. */
  optedOutByDefault?: boolean;
}

export interface Growlytics {
  /** Begin; the visit of this page is told. Calls that were made before are told then. */
  initialize(settings: Settings): void;
  events: {
    /** Record an event. */
    track(name: string, attributes?: Attributes): void;
  };
  user: {
    /** Set attributes of whoever visits, logged in or not. */
    push(attributes: Attributes): void;
    /** Say that the visitor is the customer with this System ID. `signature`: your server's, of the id. */
    identify(id: string | number, attributes?: Attributes, options?: { signature?: string }): void;
    /** Say that the customer has left. */
    logout(): void;
  };
  /** Tell nothing from now on, and forget what is kept in this browser but the choice. */
  optOut(): void;
  /** The visitor agrees, whatever the settings or the browser say. */
  optIn(): void;
  /** The id of this browser; undefined before `initialize` and for who has opted out. */
  deviceId(): string | undefined;
}

declare const growlytics: Growlytics;
export default growlytics;

declare global {
  interface Window {
    /** By the script; `import` makes no global. */
    Growlytics?: Growlytics;
  }
}
