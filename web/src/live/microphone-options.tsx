import { microphones } from "../audio/microphone";

/** The microphones to choose from, for a <select>; the empty value is the system's own choice. */
export function MicrophoneOptions() {
  return (
    <>
      <option value="">the system's</option>
      {microphones.value.map(({ id, label }) => (
        <option key={id} value={id}>
          {label}
        </option>
      ))}
    </>
  );
}
