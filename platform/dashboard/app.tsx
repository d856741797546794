/** The dashboard: who is there, where they are, and the page that belongs there. */
import { render } from 'preact';
import { who } from './api.ts';
import { FunctionPage } from './pages/function-page.tsx';
import { OverviewPage } from './pages/overview-page.tsx';
import { ScansPage } from './pages/scans-page.tsx';
import { TimelinePage } from './pages/timeline-page.tsx';
import { TopBar } from './parts/top-bar.tsx';
import { followPilot, followRoute, reader, route, snapshot } from './state.ts';
import './style.css';

/** The gateway may be away for a moment: it is asked again. */
const againMs = 2_000;

function App() {
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <TopBar />
      <main id="main" tabIndex={-1}>
        {snapshot.value ? <Page /> : <p class="quiet">Waiting for the pilot</p>}
      </main>
    </>
  );
}

function Page() {
  const [page = '', name] = route.value;
  if (page === 'functions' && name !== undefined) return <FunctionPage key={name} name={name} />;
  if (page === 'scans') return <ScansPage chosen={name} />;
  if (page === 'timeline') return <TimelinePage />;
  return <OverviewPage />;
}

async function begin(root: Element): Promise<void> {
  followRoute();
  try {
    reader.value = await who();
  } catch (error) {
    root.textContent = error instanceof Error ? error.message : String(error);
    setTimeout(() => void begin(root), againMs);
    return;
  }
  root.textContent = '';
  render(<App />, root);
  followPilot();
}

const root = document.getElementById('app');
if (root) void begin(root);
