/** Have the browser save something as a file. */
export function save(name: string, content: string | Blob): void {
  const url = URL.createObjectURL(new Blob([content]));
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
