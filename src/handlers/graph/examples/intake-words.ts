// The words of the intake, in both languages.
import type { Language } from "../../../language/language.ts"

export const topics = ["problem", "wish", "visit"] as const
export type Topic = (typeof topics)[number]

const en = {
  welcome: "Welcome. A few questions, and your request is on its way.\n\n",
  choose: "What is it about?",
  topic: "Topic",
  problem: "Something does not work",
  wish: "I would like something else",
  visit: "I want to come by",
  ask_problem: "Tell us about the problem.",
  ask_wish: "Tell us what you would like.",
  ask_visit: "When do you want to come?",
  again: "That cannot be right yet: {fault} Please correct it.",
  description: "Description",
  since: "Since when",
  day: "Day",
  people: "How many people",
  email: "E-mail",
  phone: "Phone",
  contact_hint: "One of e-mail and phone, so that we can reach you.",
  fault_contact: "we need an e-mail address or a phone number.",
  fault_future: "the problem cannot have begun in the future.",
  fault_past: "the day is over already.",
  confirm: "Is this right?\n\n{summary}",
  agree: "Send it like this; if not, you can change it.",
  done: "Thank you. This is what we noted:\n\n{summary}\n\nThe number of your request is {number}.",
}

export type Word = keyof typeof en

const zh: Record<Word, string> = {
  welcome: "欢迎。回答几个问题，即可提交您的请求。\n\n",
  choose: "您想咨询什么？",
  topic: "主题",
  problem: "遇到问题",
  wish: "提出建议",
  visit: "预约来访",
  ask_problem: "请描述您遇到的问题。",
  ask_wish: "请描述您的建议。",
  ask_visit: "您想什么时候来？",
  again: "填写有误：{fault}请更正。",
  description: "描述",
  since: "从何时开始",
  day: "日期",
  people: "人数",
  email: "邮箱",
  phone: "电话",
  contact_hint: "邮箱和电话至少填写一项，以便我们与您联系。",
  fault_contact: "请填写邮箱或电话。",
  fault_future: "问题的开始日期不能在将来。",
  fault_past: "该日期已经过去。",
  confirm: "以下信息是否正确？\n\n{summary}",
  agree: "就这样提交；如不正确，可以修改。",
  done: "谢谢。我们记录如下：\n\n{summary}\n\n您的请求编号是 {number}。",
}

const catalogues: Record<Language, Record<Word, string>> = { en, zh }

export function words(language: Language, word: Word, params: Readonly<Record<string, string>> = {}): string {
  return catalogues[language][word].replace(/\{(\w+)\}/g, (place, name: string) => params[name] ?? place)
}
